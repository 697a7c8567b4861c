"""The desktop's own means to show a notification, and the terminal where there are none.

What reaches a program here is an argument, a variable or data of its own, never part of a script:
texts are strangers' words, and a quote, a line break or `$(…)` in them is only that.
"""
