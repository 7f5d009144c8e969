// The shop: a small HTTP server to do maintenance under, and a sleeper for Jobs.
//
// SHOP_VERSION, which its image sets, makes bad versions of it: `crash` ends soon after it has started, `unready` never
// gets ready, `flaky` answers a fifth of the requests with 500.
//
// It is the hard case on purpose: asked to stop, it exits at once, whatever is in flight. With -graceful it lets
// requests in flight end and goes on answering for -drain.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "sleep" {
		sleep(os.Args[2:])
		return
	}
	listen := flag.String("listen", ":8080", "address to answer at")
	latency := flag.Duration("latency", 20*time.Millisecond, "time that each request takes")
	warmup := flag.Duration("warmup", 5*time.Second, "time after which /ready answers 200")
	version := flag.String("version", cmp.Or(os.Getenv("SHOP_VERSION"), "1"), "what / answers")
	failRate := flag.Float64("fail-rate", 0, "share of requests, 0 to 1, that are answered 500")
	graceful := flag.Bool("graceful", false, "on SIGTERM, let requests in flight end")
	drain := flag.Duration("drain", 0, "with -graceful: how long to go on answering after SIGTERM")
	flag.Parse()
	switch os.Getenv("SHOP_VERSION") {
	case "crash":
		time.Sleep(300 * time.Millisecond)
		fmt.Fprintln(os.Stderr, "panic: no such table: orders")
		os.Exit(1)
	case "unready":
		*warmup = 24 * time.Hour
	case "flaky":
		*failRate = 0.2
	}

	started := time.Now()
	host, _ := os.Hostname()
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if time.Since(started) < *warmup {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(*latency)
		if rand.Float64() < *failRate {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, "version %s on %s\n", *version, host)
	})
	server := &http.Server{Addr: *listen, Handler: mux}
	stop := make(chan os.Signal, 1)
	if *graceful {
		signal.Notify(stop, syscall.SIGTERM)
	}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	case <-stop:
		time.Sleep(*drain)
		patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = server.Shutdown(patience)
	}
}

func sleep(args []string) {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: shop sleep DURATION [MESSAGE]")
		os.Exit(2)
	}
	duration, err := time.ParseDuration(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if len(args) > 1 {
		fmt.Println(args[1])
	}
	time.Sleep(duration)
}
