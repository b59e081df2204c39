"""See tendency/train.py; python train.py --help lists what can be chosen."""

from tendency.installed import require_packages

if __name__ == "__main__":
    require_packages()
    from tendency.train import main

    main()
