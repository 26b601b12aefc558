"""Pages open unchanged, and their citations can be read.

What JupyterLab would write into each page stands there already.  JupyterLab has no list of
references, so it gets citations written out; what it saves has their keys again.
"""

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelspec import get_kernel_dict
from jupytext import AsyncTextFileContentsManager

from book.tools import citations


def is_page(model, path):
    return model["type"] == "notebook" and model.get("content") and path.endswith(".md")


def rewrite(model, by):
    for cell in model["content"]["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = by(cell["source"])


class Pages(AsyncTextFileContentsManager):
    async def get(self, path, *arguments, **settings):
        model = await super().get(path, *arguments, **settings)
        if is_page(model, path):
            metadata = model["content"]["metadata"]
            metadata["language_info"] = IPythonKernel.language_info
            if "kernelspec" in metadata:
                metadata["kernelspec"]["display_name"] = get_kernel_dict()["display_name"]
            rewrite(model, citations.written_out)
        return model

    async def save(self, model, path, *arguments, **settings):
        if is_page(model, path):
            rewrite(model, citations.with_keys)
        return await super().save(model, path, *arguments, **settings)


c.ServerApp.contents_manager_class = Pages  # noqa: F821
