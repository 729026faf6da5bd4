"""Run charseq as `python -m charseq`."""

from charseq.cli.app import main

if __name__ == "__main__":
    main()
