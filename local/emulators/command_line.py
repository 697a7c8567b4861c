"""The command line of an emulator that runs as a process of its own."""

import argparse

ANY_FREE_PORT = "default: any free one"


def command_line(
    name: str, description: str, examples: str, *, port: str = ANY_FREE_PORT
) -> argparse.ArgumentParser:
    """Create ``python -m local.emulators.NAME.server``, with a host and a port, and their help."""
    parser = argparse.ArgumentParser(
        prog=f"python -m local.emulators.{name}.server",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help=port)
    return parser


def push_command_line(
    name: str, description: str, examples: str, *, port: str = ANY_FREE_PORT
) -> argparse.ArgumentParser:
    """Create the command line of a push service, which may be slow."""
    parser = command_line(name, description, examples, port=port)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    return parser
