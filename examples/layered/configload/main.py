import yaml

print(yaml.safe_load("name: configload"))
