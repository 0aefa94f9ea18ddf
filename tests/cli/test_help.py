"""What the command says of itself, and of command lines that are wrong."""

import re
import subprocess

import pytest

import relumix
from relumix.cli.main import build_parser, main


def said(capsys, *args):
    """The exit code of a command, and what it wrote."""
    code = main(list(args))
    return code, *capsys.readouterr()


def helped(capsys, *args):
    with pytest.raises(SystemExit) as ended:
        main([*args, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_command_alone_begins_with_three_examples(capsys):
    code, out, err = said(capsys)
    assert (code, err) == (0, "")
    assert re.match(r"examples:\n(  relumix .+\n){3}\nusage: relumix ", out)


def test_help_of_relight_has_three_examples_and_its_options_in_groups(capsys):
    out = helped(capsys, "relight")
    assert re.match(r"examples:\n(  relumix relight .+\n){3}\nusage: relumix relight SOURCE -r ", out)
    groups = [line for line in out.splitlines() if re.fullmatch(r"[a-z-][a-z -]+:", line)]
    assert groups == [
        *("examples:", "positional arguments:", "options:", "files:", "light:", "what is written:"),
        *("with --server:", "the run:"),
    ]


@pytest.mark.parametrize("command", ["relight", "serve", "bridge", "evaluate", "info", "farm", "dataset", "train"])
def test_help_can_be_printed_without_utf_8(capsys, command):
    assert helped(capsys, command).isascii()


def test_every_example_can_be_parsed(capsys):
    parser = build_parser()
    for command in ([], ["relight"], ["info"], ["colorspaces"]):
        examples = re.match(r"examples:\n((?:  .+\n)+)", helped(capsys, *command))[1]
        for line in examples.splitlines():
            assert parser.parse_args(line.replace("'", "").split()[1:]).run


def test_the_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"relumix {relumix.__version__}\n"


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (
            ["relight", "p.####.exr", "-r", "r.exr", "-o", "o", "--frmaes", "1"],
            "unrecognized arguments: --frmaes 1; did you mean --frames? (see relumix relight --help)",
        ),
        (
            ["relight", "--refrence", "x"],
            "unrecognized arguments: --refrence; did you mean --reference? (see relumix relight --help)",
        ),
        (["info", "p", "--jsno"], "unrecognized arguments: --jsno; did you mean --json? (see relumix info --help)"),
        (["farm", "stop", "--session=x", "--x"], "unrecognized arguments: --x (see relumix farm stop --help)"),
        (["relight", "p", "-o", "o"], "the following arguments are required: -r/--reference (see relumix relight"),
        (["relite"], "argument COMMAND: invalid choice: 'relite'"),
    ],
)
def test_what_is_wrong_points_to_the_help_of_that_command(capsys, args, sentence):
    code, out, err = said(capsys, *args)
    assert (code, out) == (2, "")
    assert err.startswith(f"relumix: {sentence}")
    assert err.count("\n") == 1


def test_a_command_that_is_nearly_one_is_asked_for(capsys):
    assert "; did you mean relight? (see relumix --help)" in said(capsys, "relite")[2]


def test_colour_spaces_are_listed_and_looked_for(capsys):
    code, out, _ = said(capsys, "colorspaces")
    names = [line.split("  ")[0] for line in out.splitlines()]
    assert code == 0
    assert {"ACEScg", "Linear Rec.709 (sRGB)"} <= set(names)
    assert "scene_linear" in next(line for line in out.splitlines() if line.startswith("ACEScg "))
    assert said(capsys, "colorspaces", "acescct")[1].splitlines()[0].startswith("ACEScct")
    assert said(capsys, "colorspaces", "ACESgc")[2].startswith(
        "relumix: no colour space has 'ACESgc' in its name: did you mean ACEScg"
    )


@pytest.mark.parametrize(
    ("shell", "check"), [("bash", ["bash", "-n"]), ("zsh", ["zsh", "-n"]), ("fish", ["fish", "-n"])]
)
def test_completion_is_what_the_shell_can_read(capsys, tmp_path, shell, check):
    code, out, _ = said(capsys, "completion", shell)
    assert code == 0
    assert "contact-sheet" in out
    script = tmp_path / "relumix"
    script.write_text(out)
    try:
        subprocess.run([shell, "-n", str(script)], check=True, timeout=60)
    except FileNotFoundError:
        pytest.skip(f"{shell} is not installed")


def test_completion_in_bash(capsys, tmp_path):
    script = tmp_path / "relumix"
    script.write_text(said(capsys, "completion", "bash")[1])
    words = "COMP_WORDS=(relumix relight --cont); COMP_CWORD=2; COMP_LINE='relumix relight --cont'; COMP_POINT=22"
    code = f"source {script}; {words}; _shtab_relumix; echo ${{COMPREPLY[@]}}"
    try:
        done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    except FileNotFoundError:
        pytest.skip("bash is not installed")
    assert done.stdout.split() == ["--contact-sheet"]


def test_what_relumix_has_can_be_seen():
    assert {"relight", "relit", "load_engine", "Settings", "InputError"} <= set(dir(relumix))
