// Go's net/http: Shutdown on SIGTERM, and the program ends when that is done.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/stream" {
		for i := 0; i < 20; i++ {
			time.Sleep(25 * time.Millisecond)
			fmt.Fprintln(w, strings.Repeat("part of a long answer ", 10))
			w.(http.Flusher).Flush()
		}
		return
	}
	n, _ := io.Copy(io.Discard, r.Body)
	if r.Method == "POST" {
		fmt.Fprintln(w, n, "bytes")
	} else {
		fmt.Fprintln(w, "hello world")
	}
}

func main() {
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: http.HandlerFunc(answer)}
	done := make(chan error)
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		done <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		panic(err)
	}
	if err := <-done; err != nil {
		panic(err)
	}
}
