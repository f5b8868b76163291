from fastapi.testclient import TestClient

from main import app

client = TestClient(app)


def test_the_best_seller_comes_first():
    sales = [
        {"product": "tea", "quantity": 2, "price": 3.5},
        {"product": "coffee", "quantity": 1, "price": 9.0},
        {"product": "tea", "quantity": 1, "price": 3.5},
    ]
    response = client.post("/summary", json=sales)
    assert response.status_code == 200
    assert response.json() == [
        {"product": "tea", "quantity": 3, "revenue": 10.5},
        {"product": "coffee", "quantity": 1, "revenue": 9.0},
    ]


def test_no_sales_are_no_products():
    assert client.post("/summary", json=[]).json() == []


def test_it_is_healthy():
    assert client.get("/health").json()["status"] == "ok"
