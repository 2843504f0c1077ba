"""How do the formats of others become events of ours? One module a format, each pure.

An adapter is a function `read(delivery)`: it returns what the bytes say as CloudEvents of
`schemas.incoming`, all of it, or raises `Unreadable` with all its faults, or `UnknownFormat`.
"""
