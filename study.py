"""See tendency/app/commands/former_study.py: compare.py does what this command did."""

from tendency.app.commands.former_study import main

if __name__ == "__main__":
    main()
