"""Keeps the descriptions of pictures when nbconvert makes a web page of a notebook.

nbconvert's own template draws a picture without its description. The course is installed with a setting that
calls this function first, so that `jupyter nbconvert --to html` keeps every description.
"""

import html

__all__ = ["describe_pictures"]


def describe_pictures(notebook, resources):
    """Write each picture that has a description as an HTML image, in place; one of nbconvert's preprocessors.

    returns: the notebook and the resources, as nbconvert wants them

    >>> output = {"data": {"image/png": "iVBORw0KGgo="}, "metadata": {"image/png": {"alt": "two bars"}}}
    >>> notebook, _ = describe_pictures({"cells": [{"outputs": [output]}]}, {})
    >>> notebook["cells"][0]["outputs"][0]["data"]
    {'text/html': '<img alt="two bars" src="data:image/png;base64,iVBORw0KGgo=">'}
    """
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data, alt = output.get("data", {}), output.get("metadata", {}).get("image/png", {}).get("alt")
            if alt and "image/png" in data:
                address = "data:image/png;base64," + "".join(data.pop("image/png").split())
                data["text/html"] = f'<img alt="{html.escape(alt)}" src="{address}">'
    return notebook, resources
