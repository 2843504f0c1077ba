"""Where do programs get the documents that describe the door and the topics?"""

from argparse import Namespace

from schemas import asyncapi, openapi

from .settings import Settings
from .shell import say

DOCUMENTS = {"openapi": openapi.text, "asyncapi": asyncapi.text}


def run(_: Settings, options: Namespace) -> None:
    """Write a document as it is checked in."""
    say(DOCUMENTS[options.document]().rstrip())
