#!/usr/bin/python3
"""Validate the SARIF files named by our schema, and by the published one if SARIF_SCHEMA names it.

    valid.py FILE…
"""

import json
import os
import pathlib
import sys

import jsonschema

HERE = pathlib.Path(__file__).parent

schemas = [HERE / "sarif.schema.json"]
if os.environ.get("SARIF_SCHEMA"):
    schemas.append(pathlib.Path(os.environ["SARIF_SCHEMA"]))
for path in sys.argv[1:]:
    document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    for schema in schemas:
        jsonschema.validate(document, json.loads(schema.read_text(encoding="utf-8")))
    print(f"{path}: valid by {len(schemas)} schema" + ("s" if len(schemas) > 1 else ""))
