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


# What each shell offers as the value of an option: COMMAND OPTION WORD….
BASH_VALUES = """
. "$1"/heapdelta.bash
shift
for at; do
    COMP_WORDS=(heapdelta $at "") COMP_CWORD=3
    _heapdelta
    echo $at "${COMPREPLY[@]}"
done
"""
ZSH_VALUES = """
compadd() { while [[ $1 != -- ]] shift; shift; print -n -- " $*" }
compset() {}
_files() {}
file=$1/_heapdelta
shift
for at; do
    words=(heapdelta ${=at} '') CURRENT=4
    print -n -- $at
    . $file
    print
done
"""
FISH_VALUES = """
source $argv[1]/heapdelta.fish
for at in $argv[2..]
    echo $at (complete -C "heapdelta $at ")
end
"""
# A list of values, some already there.
BASH_LIST = """
. "$1"/heapdelta.bash
COMP_WORDS=(heapdelta stats --columns frees,ret) COMP_CWORD=3
_heapdelta
echo "${COMPREPLY[@]}"
"""
FISH_LIST = """
source $argv[1]/heapdelta.fish
complete -C "heapdelta stats --columns frees,ret"
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


def values_of(command, option):
    """The values that the parser says there are for OPTION of COMMAND; none: any, or it has none."""
    said = re.search(r"none of (.*?)(, or a counter with _diff)?; see",
                     run(HEAPDELTA, command, option, "?", "/nonexistent").stderr)
    if not said:
        return set()
    values = set(said[1].split(", "))
    if said[2]:
        values |= {f"{value}_diff" for value in values_of(command, "--columns")}
    return values


def shell_says(name, script, *arguments):
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    result = run(shutil.which(name), *flags, "-c", script, *([] if name == "fish" else ["sh"]),
                 COMPLETIONS, *arguments)
    if result.stderr:
        print(f"# {result.stderr.strip()}")
    return result.stdout


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
    values = {f"{command} {option}": values_of(command, option) for command in commands
              for option in sorted(told[command])}
    values = {at: words for at, words in values.items() if words}
    for name, script in (("bash", BASH_VALUES), ("zsh", ZSH_VALUES), ("fish", FISH_VALUES)):
        if not shutil.which(name):
            continue
        offered = {tuple(line.split()[:2]): line.split()[2:]
                   for line in shell_says(name, script, *values).splitlines()}
        tap.same(f"values that {name} completes",
                 {f"{at} {word}" for at, words in values.items() for word in words},
                 offered={" ".join((*at, word)) for at, words in offered.items() for word in words})
    for name, script in (("bash", BASH_LIST), ("fish", FISH_LIST)):
        if shutil.which(name):
            tap.same(f"a further value of a list in {name}", {"frees,retained"},
                     offered=set(shell_says(name, script).split()))
    print(f"1..{tap.count}")
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        sys.exit(main(directory))
