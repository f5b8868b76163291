import os
import pathlib

print("working in", pathlib.Path.cwd(), "- mirrored:", os.environ["SMART_SYNC_ENABLED"])
pathlib.Path("result.txt").write_text("this goes back to the network drive\n")
