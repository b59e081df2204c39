"""See tendency/evaluate.py; python evaluate.py --help lists what can be chosen."""

from tendency.evaluate import main

if __name__ == "__main__":
    main()
