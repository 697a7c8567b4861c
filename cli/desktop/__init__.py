"""A computer that is notified: registered, following its slot, showing what arrives.

The desktop's sample of docs/clients/, which runs. It is apart from the operator's commands since a
client holds no right over the platform and needs none of its packages: `python -m cli.desktop`
works where only click and httpx are installed, as on Windows.
"""
