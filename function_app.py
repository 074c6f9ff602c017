"""The app: every blueprint that a module of these folders has. A new module is found without a list."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import azure.durable_functions as df
import azure.functions as func

import activities
import entities
import orchestrators
import triggers
from adapters.logs import quiet_libraries

#: The folders whose modules start functions, in the order in which the host lists them.
FOLDERS = (orchestrators, entities, activities, triggers)


def blueprints() -> Iterator[func.Blueprint]:
    """The `bp` of each module that has one, by folder and name: the order is the same in every process."""
    for folder in FOLDERS:
        for module in sorted(iter_modules(folder.__path__), key=lambda found: found.name):
            blueprint = getattr(import_module(f"{folder.__name__}.{module.name}"), "bp", None)
            if blueprint is not None:
                yield blueprint


quiet_libraries()

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

for blueprint in blueprints():
    app.register_functions(blueprint)
