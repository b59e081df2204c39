"""See tendency/generate.py; python generate.py --help lists what can be chosen."""

from tendency.generate import main

if __name__ == "__main__":
    main()
