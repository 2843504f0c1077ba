"""Does Laurel keep its promises while everything it stands on fails?"""
