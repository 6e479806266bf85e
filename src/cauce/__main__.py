"""The command `cauce`; `python -m cauce` is the same."""

import sys


def main(argv: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] in (["--version"], ["-V"]):  # before anything else is imported
        from cauce import __version__

        print(f"cauce {__version__}")
        return 0
    import gc

    from cauce.faces import cli

    gc.set_threshold(50_000)  # a start makes much and throws nothing away: a twentieth is saved
    return cli.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
