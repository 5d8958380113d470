#!/usr/bin/python3
"""The words that a user may type are the same for all who tell of them: the parser, the help, the
manual pages, and the completion of each shell.

An option is held to be one of the parser's if it does not call it unknown. All that stand in any
help, manual page or option table are tried with each command.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["SOURCE_ROOT"])
HEAPDELTA = os.environ["HEAPDELTA"]
COMPLETIONS = SOURCE / "analyzer/completions"
ENVIRONMENT = {**os.environ, "PATH": f"{pathlib.Path(HEAPDELTA).parent}:{os.environ['PATH']}"}

BASH = """
. "$1"/heapdelta.bash
shift
for command; do
    COMP_WORDS=(heapdelta "$command" --) COMP_CWORD=2
    _heapdelta
    printf "$command %s\\n" "${COMPREPLY[@]}"
done
"""
ZSH = """
_describe() { print -l -- "$command "${^${(P)2}%%:*} }
compadd() {}
_files() {}
file=$1/_heapdelta
shift
for command; do
    words=(heapdelta $command --) CURRENT=3
    . $file
done
"""
FISH = """
source $argv[1]/heapdelta.fish
for command in $argv[2..]
    complete -C "heapdelta $command --" | string replace -r '\\t.*' '' | string replace -r '^' "$command "
end
"""


def run(*command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=ENVIRONMENT, check=False,
                          timeout=60, **more)


def from_help(command):
    return set(re.findall(r"^  (?:-[a-z], )?(--[a-z-]+)", run(HEAPDELTA, "help", command).stdout,
                          re.M))


def from_manual(command):
    text = (SOURCE / f"docs/man/heapdelta-{command}.1.scd").read_text(encoding="utf-8")
    heads = re.findall(r"^\*-.*$", text, re.M)
    return {option for head in heads for option in re.findall(r"\*(--[a-z-]+)", head)}


def from_parser(command, words, told):
    """Those of WORDS that the parser of COMMAND knows; it also takes the beginnings of those TOLD."""
    known = set()
    for word in words:
        if "unknown option" in run(HEAPDELTA, command, word).stderr:
            continue
        if word in told or not any(option.startswith(word) for option in told):
            known.add(word)
    return known


def from_shell(name, script, commands):
    """Give {command: options}, as the completion of a shell offers them."""
    options = {command: set() for command in commands}
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    after = [] if name == "fish" else ["sh"]
    result = run(shutil.which(name), *flags, "-c", script, *after, COMPLETIONS, *commands)
    for line in result.stdout.splitlines():
        command, _, word = line.partition(" ")
        if word.startswith("--") and command in options:
            options[command].add(word)
    if result.stderr:
        print(f"# {result.stderr.strip()}")
    return options


class Tap:
    def __init__(self):
        self.count = 0

    def same(self, name, expected, **others):
        self.count += 1
        wrong = [f"# {key}: lacks {sorted(expected - other)}, has besides {sorted(other - expected)}"
                 for key, other in others.items() if other != expected]
        print(f"{'not ok' if wrong else 'ok'} {self.count} {name}")
        for line in wrong:
            print(line)


def main(home):
    ENVIRONMENT["HOME"] = home  # fish writes to it
    tap = Tap()
    commands = re.findall(r"^  ([a-z]+) {2,}", run(HEAPDELTA, "help").stdout, re.M)
    told = {command: from_help(command) for command in commands}
    table = set(re.findall(r'^ *\{+"([a-z-]+)", \w+_argument',
                           "".join(path.read_text(encoding="utf-8")
                                   for path in (SOURCE / "analyzer").glob("*.c")), re.M))
    words = set().union(*told.values(), {f"--{name}" for name in table}) - {"--help"}
    for command in commands:
        words |= from_manual(command) - {"--help"}
    for command in commands:
        # Of --help a manual page need not tell.
        tap.same(f"options of {command}", told[command] - {"--help"},
                 parser=from_parser(command, words, told[command]),
                 manual=from_manual(command) - {"--help"})
    for name, script in (("bash", BASH), ("zsh", ZSH), ("fish", FISH)):
        if not shutil.which(name):
            tap.count += 1
            print(f"ok {tap.count} completion of {name} # SKIP there is no {name}")
            continue
        offered = from_shell(name, script, commands)
        tap.same(f"completion of {name}",
                 {f"{command} {word}" for command in commands for word in told[command]},
                 offered={f"{command} {word}" for command in commands for word in offered[command]})
    # What completion offers as values is taken.
    values = re.findall(r"^    (--[a-z-]+)\) echo (.*) ;;", (COMPLETIONS / "heapdelta.bash").read_text(
        encoding="utf-8"), re.M)
    for option, text in values:
        refused = {value for value in text.split() for command in commands
                   if option in told[command] and
                   "none of" in run(HEAPDELTA, command, option, value, "/nonexistent").stderr}
        tap.same(f"values of {option} are taken", set(), refused=refused)
    print(f"1..{tap.count}")
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        sys.exit(main(directory))
