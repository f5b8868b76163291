#!/usr/bin/env bash
# Установка: uv sync, а если его нет, pip.
set -e
echo "🚀 старт"
if command -v uv >/dev/null; then
  uv sync --all-extras --dev || { echo "❌ ошибка"; exit 1; }
else
  pip install -r requirements.txt # 🐢
fi
echo "✅ готово – $(date)"
