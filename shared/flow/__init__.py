"""The verbs, in the order of a notification's life.

create → moderate → cancel → plan → send → count → sweep; besides them explain, estimate, and what
devices and operators do. A folder is a subject. A verb asks the rules, and the ports it was given,
and nothing else.
"""
