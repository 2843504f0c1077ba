"""What stands in for Slack on this machine: its Web API with its limits, and a page to look at.

It is a program of its own: `python -m deploy.local_slack --help`.
"""
