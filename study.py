"""See tendency/study.py; python study.py --help lists what can be chosen."""

from tendency.installed import require_packages

if __name__ == "__main__":
    require_packages()
    from tendency.study import main

    main()
