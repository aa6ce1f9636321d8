// The line server of Go's textbooks: on SIGTERM the listener closes, every handler leaves its loop at the next line or
// read deadline, and the program waits for all of them.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func serve(conn net.Conn, quit <-chan struct{}) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	line := ""
	for {
		select {
		case <-quit:
			return
		default:
		}
		conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		part, err := reader.ReadString('\n')
		line += part
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return
		}
		fmt.Fprintf(conn, "echo: %s", line)
		line = ""
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		panic(err)
	}
	quit := make(chan struct{})
	go func() {
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		close(quit)
		listener.Close()
	}()
	var handlers sync.WaitGroup
	for {
		conn, err := listener.Accept()
		if err != nil {
			break
		}
		handlers.Add(1)
		go func() {
			defer handlers.Done()
			serve(conn, quit)
		}()
	}
	handlers.Wait()
}
