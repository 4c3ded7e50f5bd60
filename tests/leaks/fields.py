"""Eosin's fields for a fresh org: the Salesforce package's source, as one zip for the Metadata API."""

import io
import re
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "integrations" / "salesforce" / "force-app" / "main" / "default" / "objects"
NAMESPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'


def package():
    """The zip: one object file each, with all its fields, and the list of what is in it."""
    members, objects = [], {}
    for folder in sorted(PACKAGE.iterdir()):
        parts, own = [], folder / f"{folder.name}.object-meta.xml"
        if own.exists():
            parts.append(inner(own.read_text(), "CustomObject"))
            members.append(("CustomObject", folder.name))
        for field in sorted((folder / "fields").glob("*.xml")):
            parts.append(f"<fields>{inner(field.read_text(), 'CustomField')}</fields>")
            members.append(("CustomField", f"{folder.name}.{field.name.removesuffix('.field-meta.xml')}"))
        objects[folder.name] = f'<?xml version="1.0" encoding="UTF-8"?>\n<CustomObject {NAMESPACE}>{"".join(parts)}</CustomObject>'
    types = "".join(f"<types><members>{name}</members><name>{kind}</name></types>" for kind, name in members)
    listing = f'<?xml version="1.0" encoding="UTF-8"?>\n<Package {NAMESPACE}>{types}<version>65.0</version></Package>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("package.xml", listing)
        for name, text in objects.items():
            archive.writestr(f"objects/{name}.object", text)
    return packed.getvalue()


def inner(text, element):
    """What stands inside the outermost element."""
    return re.search(rf"<{element}[^>]*>(.*)</{element}>", text, re.DOTALL).group(1)
