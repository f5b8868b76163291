"""Verifies a bundle with python-tuf's client: `referee.py BUNDLE ROOT`. Ends with 3 where it is refused."""

import json
import pathlib
import sys
import tempfile
import urllib.parse

from tuf.api.exceptions import DownloadHTTPError, RepositoryError
from tuf.ngclient import FetcherInterface, Updater

bundle, root = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).read_bytes()


class Folder(FetcherInterface):
    """Takes files of the bundle instead of a server's."""

    def _fetch(self, url):
        path = bundle / urllib.parse.unquote(url.removeprefix("bundle:/"))
        if not path.is_file():
            raise DownloadHTTPError("there is no such file", 404)
        yield path.read_bytes()


with tempfile.TemporaryDirectory() as metadata, tempfile.TemporaryDirectory() as targets:
    updater = Updater(
        metadata, "bundle:/metadata/", targets, "bundle:/", fetcher=Folder(), bootstrap=root
    )
    try:
        updater.refresh()
        signed = json.loads((bundle / "metadata/targets.json").read_bytes())["signed"]["targets"]
        for name in signed:
            updater.download_target(updater.get_targetinfo(name))
    except RepositoryError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(3)
    if not signed:
        sys.exit("there is nothing in it")
