"""See tendency/compare.py; python compare.py --help lists what can be chosen."""

from tendency.installed import require_packages

if __name__ == "__main__":
    require_packages()
    from tendency.compare import main

    main()
