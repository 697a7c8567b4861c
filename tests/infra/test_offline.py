"""The offline providers: where their schema comes from, and what they find."""

import base64
import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.offline.checks import UNKNOWN, faults
from infra.offline.convert import convert, used_types
from infra.offline.planning import applied, planned
from infra.offline.provider import Provider
from infra.offline.terraform import PROVIDERS
from infra.offline.tools import Missing, installed

SCHEMAS = Path(__file__).parents[2] / "infra" / "offline" / "schemas"

TYPESCRIPT = """
export interface LampConfig extends cdktn.TerraformMetaArguments {
  /**
  * How bright. Possible values: ["DIM",
  * "BRIGHT"]
  *
  * Docs: {@link https://example.test/lamp#mode Lamp#mode}
  */
  readonly mode: string;
}
export function lampBulbToHclTerraform(struct?: LampBulb): any {
  const attrs = {
    watts: {
      value: cdktn.numberToHclTerraform(struct!.watts),
      isBlock: false,
      type: "simple",
      storageClassType: "number",
    },
  };
}
export class LampBulbOutputReference extends cdktn.ComplexObject {
  // watts - computed: false, optional: false, required: true
  private _watts?: number;
  public get watts() {
    return this.getNumberAttribute('watts');
  }
}
export class Lamp extends cdktn.TerraformResource {
  public static readonly tfResourceType = "shop_lamp";
  // id - computed: true, optional: false, required: false
  public get id() {
    return this.getStringAttribute('id');
  }
  // mode - computed: false, optional: false, required: true
  private _mode?: string;
  public get mode() {
    return this.getStringAttribute('mode');
  }
  // tags - computed: false, optional: true, required: false
  private _tags?: string[];
  public get tags() {
    return cdktn.Fn.tolist(this.getListAttribute('tags'));
  }
  // bulb - computed: false, optional: false, required: true
  private _bulb = new LampBulbList(this, "bulb", false);
  protected synthesizeHclAttributes(): { [name: string]: any } {
    const attrs = {
      mode: {
        value: cdktn.stringToHclTerraform(this._mode),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
      tags: {
        value: cdktn.listMapperHcl(cdktn.stringToHclTerraform, false)(this._tags),
        isBlock: false,
        type: "set",
        storageClassType: "stringList",
      },
      bulb: {
        value: cdktn.listMapperHcl(lampBulbToHclTerraform, true)(this._bulb.internalValue),
        isBlock: true,
        type: "list",
        storageClassType: "LampBulbList",
      },
    };
  }
}
"""

LAMP: dict[str, Any] = {
    "arguments": {
        "mode": {"type": "string", "required": True, "values": ["DIM", "BRIGHT"]},
        "tags": {"type": ["set", "string"], "optional": True},
        "id": {"type": "string", "computed": True},
    },
    "blocks": {
        "bulb": {
            "nesting": "list",
            "least": 1,
            "most": 0,
            "arguments": {"watts": {"type": "number", "required": True}},
            "blocks": {},
        }
    },
}


def a_package(folder: Path) -> Path:
    """Build a binding package as they are published: an archive in an archive, sources in source
    maps.
    """
    source_map = json.dumps({"sourcesContent": [TYPESCRIPT]}).encode()
    line = (
        f"//# sourceMappingURL=data:application/json;base64,{base64.b64encode(source_map).decode()}"
    )
    about = {"cdktf": {"provider": {"name": "somewhere/acme/shop", "version": "1.2.3"}}}
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        for name, text in {
            "package/lib/lamp/index.js": line,
            "package/package.json": json.dumps(about),
        }.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    with zipfile.ZipFile(folder / "shop.whl", "w") as wheel:
        wheel.writestr("shop/_jsii/shop.jsii.tgz", inner.getvalue())
    return folder / "shop.whl"


def test_a_binding_package_tells_the_schema_it_was_made_from(tmp_path: Path) -> None:
    found = convert(a_package(tmp_path), {"Resource": {"shop_lamp"}})
    assert (found["source"], found["version"]) == ("somewhere/acme/shop", "1.2.3")
    assert found["resources"] == {"shop_lamp": LAMP}


def test_types_that_are_not_used_are_left_out(tmp_path: Path) -> None:
    assert convert(a_package(tmp_path), {"Resource": {"shop_chair"}})["resources"] == {}


def test_the_kept_schemas_know_every_type_we_use_and_no_other() -> None:
    kept: dict[str, set[str]] = {"resources": set(), "data": set()}
    for name in PROVIDERS:
        schema = json.loads(gzip.decompress((SCHEMAS / f"{name}.json.gz").read_bytes()))
        for part, types in kept.items():
            types |= set(schema[part])
    used = used_types()
    assert kept["resources"] == used["Resource"] - {"terraform_data"}
    assert kept["data"] == used["DataSource"]


def test_the_kept_schemas_carry_no_descriptions_and_stay_small() -> None:
    for path in SCHEMAS.glob("*.gz"):
        assert path.stat().st_size < 50_000
        assert b"description" not in gzip.decompress(path.read_bytes()).replace(
            b'"description":{', b""
        ), path.name


# ---- what the schema alone does not say ----------------------------------------------------------

ONE_OF: dict[str, Any] = {"rules": [{"at": "bulb", "exactly_one": ["watts", "lumen"]}]}


@pytest.mark.parametrize(
    ("config", "sentences"),
    [
        ({"mode": "BRIGHT", "bulb": []}, []),
        ({"mode": "BLINDING", "bulb": []}, ["mode must be one of"]),
        ({"mode": UNKNOWN, "bulb": []}, []),
        ({"mode": "DIM", "id": "mine", "bulb": []}, ["decided by Google"]),
        ({"mode": "DIM", "bulb": [{"watts": 1, "lumen": 2}]}, ["exactly one of"]),
        ({"mode": "DIM", "bulb": [{"watts": None, "lumen": None}]}, ["exactly one of"]),
        ({"mode": "DIM", "bulb": [{"watts": UNKNOWN, "lumen": None}]}, []),
        ({"mode": "DIM", "bulb": [{"watts": UNKNOWN, "lumen": UNKNOWN}]}, []),
    ],
)
def test_a_configuration_is_checked_as_the_real_provider_does(
    config: dict[str, Any], sentences: list[str]
) -> None:
    found = [fault.detail for fault in faults(LAMP, ONE_OF, config)]
    assert len(found) == len(sentences)
    assert all(part in detail for part, detail in zip(sentences, found, strict=True))


def test_a_plan_leaves_open_what_the_cloud_decides_and_applying_settles_it() -> None:
    proposed = {"mode": "DIM", "tags": None, "id": None, "bulb": [{"watts": 5}]}
    plan = planned(LAMP, {}, proposed, None, "a-project")
    assert plan == proposed | {"id": UNKNOWN}
    state = applied("shop_lamp", LAMP, plan)
    assert state["id"].startswith("shop_lamp/")
    assert planned(LAMP, {}, state, state, "a-project") == state


def test_a_provider_that_nobody_described_is_not_served() -> None:
    with pytest.raises(FileNotFoundError):
        Provider("azurerm")


def test_a_tool_that_cannot_be_had_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "requirements-nothing.txt").write_text("./no-such-package.whl\n")
    monkeypatch.setattr("infra.offline.tools.HERE", tmp_path)
    monkeypatch.setattr("infra.offline.tools.LOCAL", tmp_path / ".local")
    said: list[str] = []
    with pytest.raises(Missing, match="nothing cannot be installed"):
        installed("nothing", said.append)
    assert said == ["Setting up .local/tool-nothing (once, up to a minute) …"]
