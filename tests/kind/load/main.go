// load sends requests at a steady rate, each on a new connection, until it is asked to stop; then it prints what it
// counted, one JSON object a URL; what is lost is told at once on standard error, with its moments. Open loop: a slow
// answer delays no other request. Go's client sends no request of a new connection twice, so nothing that was lost is
// hidden.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

type count struct {
	URL               string         `json:"url"`
	Sent              int            `json:"sent"`
	Lost              int            `json:"lost"`
	LongestGapSeconds float64        `json:"longestGapSeconds"`
	Errors            map[string]int `json:"errors"`
	mutex             sync.Mutex
	lastGood          time.Time
	lostSinceLastGood bool
}

func (c *count) ended(sent time.Time, good bool, reason string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.Sent++
	now := time.Now()
	if !good {
		c.Lost++
		c.Errors[reason]++
		c.lostSinceLastGood = true
		log.Printf("lost, sent at %s: %s", sent.UTC().Format("15:04:05.000"), reason)
		return
	}
	if c.lostSinceLastGood {
		c.LongestGapSeconds = max(c.LongestGapSeconds, now.Sub(c.lastGood).Seconds())
	}
	c.lastGood, c.lostSinceLastGood = now, false
}

func main() {
	rate := flag.Float64("rate", 200, "requests a second to each URL")
	timeout := flag.Duration("timeout", 5*time.Second, "after which a request is lost")
	flag.Parse()
	log.SetFlags(log.Ltime | log.Lmicroseconds | log.LUTC)
	client := &http.Client{
		Timeout:   *timeout,
		Transport: &http.Transport{DisableKeepAlives: true, MaxIdleConns: 1},
	}
	stop, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	var senders sync.WaitGroup
	counts := make([]*count, flag.NArg())
	for index, url := range flag.Args() {
		counts[index] = &count{URL: url, Errors: map[string]int{}, lastGood: time.Now()}
		senders.Add(1)
		go func(c *count) {
			defer senders.Done()
			send(stop, client, c, *rate)
		}(counts[index])
	}
	senders.Wait()
	for _, c := range counts {
		if c.lostSinceLastGood {
			c.LongestGapSeconds = max(c.LongestGapSeconds, time.Since(c.lastGood).Seconds())
		}
		_ = json.NewEncoder(os.Stdout).Encode(c)
	}
}

func send(stop context.Context, client *http.Client, c *count, rate float64) {
	var inFlight sync.WaitGroup
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	for {
		select {
		case <-stop.Done():
			inFlight.Wait()
			return
		case <-ticker.C:
			inFlight.Add(1)
			go func() {
				defer inFlight.Done()
				one(client, c)
			}()
		}
	}
}

func one(client *http.Client, c *count) {
	sent := time.Now()
	response, err := client.Get(c.URL)
	if err != nil {
		c.ended(sent, false, err.Error())
		return
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	switch {
	case err != nil:
		c.ended(sent, false, err.Error())
	case response.StatusCode != http.StatusOK:
		c.ended(sent, false, response.Status)
	default:
		c.ended(sent, true, "")
	}
}
