"""Makes what follows from the chart's commented values and from the settings classes, or checks that it is current.

``python -m helm.docs`` writes values.schema.json, the tables in the chart's README and in docs/kafka-security.md, and
files/topics.yaml; ``--check`` writes nothing and ends with 1, naming each file that is not current.
"""

import json
import sys
from pathlib import Path

import yaml

from helm.commented import Entry, read
from helm.schema import schema
from helm.settings import sections
from schemas.topics import Topics

CHART = Path(__file__).parent / "cfstream"
SECURITY = CHART.parent.parent / "docs" / "kafka-security.md"


def made() -> dict[Path, str]:
    """Return the content that each made file should have."""
    values = read(CHART / "values.yaml")
    readme = (CHART / "README.md").read_text("utf-8")
    for name, table in (("values", values_table(values)), ("settings", settings_tables())):
        readme = between(readme, name, table)
    return {
        CHART / "values.schema.json": json.dumps(schema(values), indent=2) + "\n",
        CHART / "README.md": readme,
        CHART / "files" / "topics.yaml": topics(),
        SECURITY: between(SECURITY.read_text("utf-8"), "rights", rights_table()),
    }


def between(text: str, name: str, table: str) -> str:
    """Put a table between the marks of its name. Raise ValueError where there are none."""
    begin, end = f"<!-- {name}: made by helm/docs.py -->\n", f"<!-- end of {name} -->"
    head, tail = text.index(begin) + len(begin), text.index(end)
    return f"{text[:head]}\n{table}\n{text[tail:]}"


def values_table(values: tuple[Entry, ...]) -> str:
    """Return one table row a value, in the file's order."""
    leaves = (leaf for top in values for leaf in top.leaves())
    rows = (f"| `{leaf.name}` | `{_cell(json.dumps(leaf.default))}` | {_cell(leaf.description)} |" for leaf in leaves)
    return "\n".join(["| value | default | what it is |", "|---|---|---|", *rows]) + "\n"


def settings_tables() -> str:
    """Return one table a settings class: each setting, its default, and the value by which the chart sets it."""
    out = []
    for section in sections():
        out += [
            f"**{section.title}** (`{section.value}`)\n",
            "| setting | default | set by | what it is |",
            "|---|---|---|---|",
        ]
        for name, field in section.fields.items():
            where = section.values.get(name, f"`{section.value}.{name}`")
            default = "" if field.default is None else f"`{_cell(str(field.default))}`"
            out.append(f"| `{name}` | {default} | {where} | {_cell(field.description or '')} |")
        out.append("")
    return "\n".join(out)


def rights_table() -> str:
    """Return one table row a right."""
    rows = ["| component | resource | names | operations |", "|---|---|---|---|"]
    for component, rights in yaml.safe_load((CHART / "files" / "rights.yaml").read_text("utf-8")).items():
        for right in rights:
            star = "*" if right.get("pattern") == "prefix" else ""
            names = ", ".join(f"`{name}{star}`" for name in right["names"])
            rows.append(f"| {component} | {right['resource']} | {names} | {', '.join(right['operations'])} |")
    return "\n".join(rows) + "\n"


def topics() -> str:
    """Return the topics for the Strimzi operator; prefix, partitions and retention come from the values."""
    out = []
    for topic in Topics(""):
        config = {key: value for key, value in topic.config.items() if key != "retention.ms"}
        retained = "retention.ms" in topic.config
        out.append({"name": topic.name, "partitioned": topic.partitioned, "retained": retained, "config": config})
    return "# Made by helm/docs.py from schemas/topics.py.\n" + yaml.safe_dump(out, sort_keys=False)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the files, or with --check only compare."""
    stale = {path: text for path, text in made().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"{path.name} is not current; make it with: python -m helm.docs\n")
        else:
            path.write_text(text, "utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
