"""See tendency/app/commands/entry.py; python train.py --help lists what can be chosen."""

from tendency.app.commands.installed import require_packages

if __name__ == "__main__":
    require_packages()
    from tendency.app.commands.entry import train

    train()
