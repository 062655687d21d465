"""What make calls: the refresher, and a driver for JupyterLab in a real browser."""
