"""Load the app whose code is checked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import azure.durable_functions as df
from azure.functions.decorators.function_app import DecoratorApi, FunctionRegister

from devhost.app.index import AppIndex, index_app, load_app
from devhost.app.settings import Settings, load_settings

__all__ = ["App", "load"]

App = FunctionRegister | DecoratorApi | Iterable[DecoratorApi] | Path | str


def load(app: App) -> tuple[AppIndex, Settings]:
    """Return the functions of an app and its settings. Raises AppError or SettingsError.

    Values of local.settings.json are set in the environment, as a host does, since an app may read them when
    it is imported.
    """
    if isinstance(app, (str, Path)):
        settings = load_settings(Path(app).resolve())
        for name, value in settings.local_values.items():
            if ":" not in name:
                os.environ.setdefault(name, value)
        return load_app(settings), settings
    if not isinstance(app, FunctionRegister):
        built = df.DFApp()
        for blueprint in [app] if isinstance(app, DecoratorApi) else app:
            built.register_functions(blueprint)
        app = built
    settings = Settings(app_folder=Path(tempfile.gettempdir()), values={})
    return index_app(app, settings), settings
