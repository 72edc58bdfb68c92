"""Installed plugins: packages that bring config folders, found by entry point and added to Hydra's search path."""

from importlib import metadata

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

GROUP = "attnbench.plugins"


def plugin_packages() -> list[str]:
    """The config packages of all installed plugins: an entry point `name = "package"` brings `package.conf`."""
    return sorted({f"{entry.value}.conf" for entry in metadata.entry_points(group=GROUP)})


class PluginConfigs(SearchPathPlugin):
    """Adds every plugin's config folder behind our own."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Appends the folders."""
        for package in plugin_packages():
            search_path.append(provider="attnbench-plugin", path=f"pkg://{package}")


def register() -> None:
    """Makes Hydra search the plugins' folders; to be called before it starts."""
    Plugins.instance().register(PluginConfigs)
