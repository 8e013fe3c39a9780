"""Inputs that nobody would send, made in great numbers: `make fuzz`.

Readers of files, parsers of spellings, the command line and the page are given damaged and strange
inputs in this process. Whatever comes, each of them gives a sound result or one message of ours.
"""
