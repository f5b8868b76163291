"""A small web service: sales in, a summary out."""

import pandas
from fastapi import FastAPI
from pydantic import BaseModel
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    """Settings, each from a variable of the same name, as in SHOP=Lisbon."""

    shop: str = "Quickstart"


class Sale(BaseModel):
    product: str
    quantity: int
    price: float


class Summary(BaseModel):
    product: str
    quantity: int
    revenue: float


settings = Settings()
app = FastAPI(title=settings.shop)


@app.get("/health")
def health() -> dict[str, str]:
    return {"shop": settings.shop, "status": "ok"}


@app.post("/summary")
def summary(sales: list[Sale]) -> list[Summary]:
    """Quantity and revenue of each product, the best seller first."""
    if not sales:
        return []
    table = pandas.DataFrame([sale.model_dump() for sale in sales])
    table["revenue"] = table["quantity"] * table["price"]
    totals = table.groupby("product")[["quantity", "revenue"]].sum()
    totals = totals.sort_values("revenue", ascending=False).reset_index()
    return [Summary(**row) for row in totals.to_dict("records")]
