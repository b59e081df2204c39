"""See tendency/train.py; python train.py --help lists what can be chosen."""

from tendency.train import main

if __name__ == "__main__":
    main()
