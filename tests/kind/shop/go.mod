module underway.dev/shop

go 1.24
