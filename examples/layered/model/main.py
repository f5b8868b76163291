from pydantic import BaseModel


class Sample(BaseModel):
    value: float


print(Sample(value=1))
