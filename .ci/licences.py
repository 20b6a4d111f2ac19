#!/usr/bin/env python3
"""Checks every dependency's licence against the list in deny.toml, without needing cargo-deny."""
import json
import re
import subprocess
import sys
import tomllib

with open("deny.toml", "rb") as file:
    allowed = set(tomllib.load(file)["licenses"]["allow"])
metadata = json.loads(subprocess.check_output(["cargo", "metadata", "--locked", "--format-version", "1"]))


def permitted(expression):
    """True when the SPDX expression can be met with the allowed licences alone."""
    tokens = re.findall(r"\(|\)|[\w.+-]+", expression.replace("/", " OR "))
    words = {"OR": "or", "AND": "and", "(": "(", ")": ")"}
    python, skip = [], False
    for token in tokens:
        if skip:  # what follows WITH was judged together with it
            skip = False
        elif token == "WITH":
            skip = True
        else:
            python.append(words.get(token, str(token in allowed)))
    return eval(" ".join(python))  # only the words above


bad = [(p["name"], p["license"]) for p in metadata["packages"] if not (p["license"] and permitted(p["license"]))]
for name, licence in bad:
    print(f"{name}: {licence} is not in deny.toml's list")
print(f"{len(metadata['packages'])} packages, {len(bad)} with a licence that is not allowed")
sys.exit(bool(bad))
