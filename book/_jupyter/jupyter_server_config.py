"""Pages open unchanged: what JupyterLab would write into each of them stands there already."""

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelspec import get_kernel_dict
from jupytext import AsyncTextFileContentsManager


class Pages(AsyncTextFileContentsManager):
    async def get(self, path, *arguments, **settings):
        model = await super().get(path, *arguments, **settings)
        if model["type"] == "notebook" and model["content"] and path.endswith(".md"):
            metadata = model["content"]["metadata"]
            metadata["language_info"] = IPythonKernel.language_info
            if "kernelspec" in metadata:
                metadata["kernelspec"]["display_name"] = get_kernel_dict()["display_name"]
        return model


c.ServerApp.contents_manager_class = Pages  # noqa: F821
