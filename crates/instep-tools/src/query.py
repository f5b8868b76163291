# Asked of every interpreter by interpreter.rs: prints one line of JSON after a mark. It uses the standard
# library only, and nothing newer than Python 3.6, so that an old Python can still say that it is old.
import sys
import json
import os
import platform
import sysconfig


def implementation_version():
    info = sys.implementation.version
    version = "{0.major}.{0.minor}.{0.micro}".format(info)
    if info.releaselevel != "final":
        version += info.releaselevel[0] + str(info.serial)
    return version


def abi_tag():
    # https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
    if sys.implementation.name != "cpython":
        soabi = sysconfig.get_config_var("SOABI") or "none"
        return "_".join(soabi.split("-")[:2])
    flags = ""
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        flags += "t"
    if hasattr(sys, "gettotalrefcount"):
        flags += "d"
    if sys.version_info < (3, 8):
        flags += "m"
    return "cp{0}{1}{2}".format(sys.version_info[0], sys.version_info[1], flags)


def base_executable():
    if sys.prefix == sys.base_prefix:
        return sys.executable
    # Before Python 3.11 this is the environment's own interpreter on Unix.
    base = getattr(sys, "_base_executable", None)
    if base and os.path.normcase(base) != os.path.normcase(sys.executable) and os.path.exists(base):
        return base
    home = None
    try:
        with open(os.path.join(sys.prefix, "pyvenv.cfg"), encoding="utf-8") as cfg:
            for line in cfg:
                key, _, value = line.partition("=")
                if key.strip().lower() == "home":
                    home = value.strip()
    except (OSError, ValueError):
        pass
    stem = "pypy" if sys.implementation.name == "pypy" else "python"
    names = [stem + "{0}.{1}".format(*sys.version_info[:2]), stem + "3", stem]
    for folder in (home, os.path.join(sys.base_prefix, "bin"), sys.base_prefix):
        for name in names:
            for suffix in ("", ".exe"):
                path = os.path.join(folder, name + suffix) if folder else ""
                if path and os.path.isfile(path):
                    return path
    return os.path.realpath(sys.executable)


def installed_pip():
    # Without importing it, which takes longer than all the rest together.
    for folder in sys.path:
        if not os.path.isfile(os.path.join(folder, "pip", "__init__.py")):
            continue
        for name in os.listdir(folder):
            if name.startswith("pip-") and name.endswith((".dist-info", ".egg-info")):
                return folder, name[4:].rsplit(".", 1)[0].split("-")[0]
        return folder, None
    return None, None


def has_module(name):
    # Only looks for the file: the module itself is not run.
    stdlib = sysconfig.get_path("stdlib")
    return os.path.exists(os.path.join(stdlib, name, "__init__.py"))


pip_folder, pip_version = installed_pip()
full_version = platform.python_version()
answer = {
    "executable": sys.executable,
    "base_executable": base_executable(),
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "version": full_version,
    "implementation": sys.implementation.name,
    "platform_tag": sysconfig.get_platform().replace("-", "_").replace(".", "_"),
    "abi_tag": abi_tag(),
    "machine": platform.machine(),
    "pointer_bits": 64 if sys.maxsize > 2**32 else 32,
    "site_packages": sysconfig.get_path("purelib"),
    "platlib": sysconfig.get_path("platlib"),
    "scripts": sysconfig.get_path("scripts"),
    # https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers
    "markers": {
        "implementation_name": sys.implementation.name,
        # An unreleased Python calls itself `3.14.0+`, which is no version by PEP 440.
        "implementation_version": implementation_version().rstrip("+"),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": full_version.rstrip("+"),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
    "pip_version": pip_version,
    "has_venv": has_module("venv"),
    "has_ensurepip": has_module("ensurepip"),
    # What a change of these answers shows in.
    "depends_on": [
        path
        for path in (
            sysconfig.get_path("stdlib"),
            pip_folder or sysconfig.get_path("purelib"),
            os.path.join(sys.prefix, "pyvenv.cfg"),
        )
        if path
    ],
}
# A `.pth` file or a sitecustomize may have printed something without a newline.
print("\ninstep-interpreter:" + json.dumps(answer))
