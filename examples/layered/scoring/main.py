import pandas

print(pandas.DataFrame({"score": [0.5, 0.7]}).mean())
