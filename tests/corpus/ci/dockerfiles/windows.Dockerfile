# escape=`
# The escape is a backtick here, so that paths are paths.
FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]

COPY --from=ghcr.io/astral-sh/uv:0.9.1 C:\uv.exe C:\tools\
WORKDIR C:\app
COPY requirements.txt .
RUN python -m pip install --upgrade pip; `
    python -m pip install -r requirements.txt
RUN uv sync `
    --all-extras `
    --dev
RUN if (Test-Path C:\app\uv.lock) { uv sync --all-extras --dev }
SHELL ["cmd", "/S", "/C"]
RUN pip install -r requirements.txt
CMD ["python", "-m", "lamplight"]
