"""The job template."""

from pathlib import Path

import yaml
from openjd.model import decode_job_template

from relumix.farm.parameters import options, parameter_name
from relumix.farm.template import as_yaml, job_template
from tests.farm.shots import relight_parser, relumix

ROOT = Path(__file__).resolve().parents[2]
RELIGHT = relight_parser()


def test_the_template_that_is_kept_is_the_one_that_is_printed(tmp_path):
    kept = (ROOT / "farm/relumix_relight.yaml").read_text()
    assert kept == as_yaml(job_template(RELIGHT)), "relumix farm template > farm/relumix_relight.yaml"
    assert relumix(tmp_path, "farm", "template").stdout == kept


def test_it_is_a_job_template_and_every_parameter_is_used():
    text = (ROOT / "farm/relumix_relight.yaml").read_text()
    template = yaml.safe_load(text)
    decode_job_template(template=template, supported_extensions=["TASK_CHUNKING"])
    for parameter in template["parameterDefinitions"]:
        assert f"{{{{Param.{parameter['name']}}}}}" in text, parameter["name"]


def test_both_steps_get_every_option():
    relight, verify = job_template(RELIGHT)["steps"]
    for step in (relight, verify):
        args = step["script"]["actions"]["onRun"]["args"]
        for action in options(RELIGHT):
            assert f"{action.dest}={{{{Param.{parameter_name(action)}}}}}" in args
    assert verify["dependencies"] == [{"dependsOn": "Relight"}]
