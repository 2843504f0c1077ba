"""Would a test notice if a step of the protocols were done wrongly?"""
