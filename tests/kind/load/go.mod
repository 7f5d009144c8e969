module underway.dev/load

go 1.24
