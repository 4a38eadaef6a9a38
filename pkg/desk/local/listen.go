package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

const loopback = "127.0.0.1"

// bridge returns the address by which a container reaches this machine, "" where Docker leads it to the loopback interface
// (Docker Desktop: the bridge is in its virtual machine). An old engine tells the bridge's network and not its address.
func bridge(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "docker", "network", "inspect", "bridge", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("docker does not answer (.ci/tools docker starts it): %s", strings.TrimSpace(string(out)))
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for subnet := range strings.FieldsSeq(string(out)) {
		_, network, err := net.ParseCIDR(subnet)
		if err != nil {
			return "", fmt.Errorf("docker's bridge has the network %q: %w", subnet, err)
		}
		for _, a := range own {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && network.Contains(ip.IP) {
				return ip.IP.String(), nil
			}
		}
	}
	return "", nil
}

// FreePorts returns ports that nothing listens on.
func FreePorts(ctx context.Context) (p Ports, err error) {
	for _, port := range []*int{&p.Emulator, &p.HubSpot, &p.Zoho, &p.WhatsApp} {
		l, err := listen(ctx, "nothing", loopback, 0)
		if err != nil {
			return p, err
		}
		defer l.Close() // all are held until all are known
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return p, nil
}

// at returns the address of a port of a host.
func at(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// Serve answers on a port of each host until the context ends. A port of 0 takes any; the one of the first host is returned
// and used for the others.
func Serve(ctx context.Context, wg *sync.WaitGroup, what string, hosts []string, port int, h http.Handler) (int, error) {
	for _, host := range hosts {
		l, err := listen(ctx, what, host, port)
		if err != nil {
			return 0, err
		}
		port = l.Addr().(*net.TCPAddr).Port
		server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
		wg.Go(func() { _ = server.Serve(l) })
		wg.Go(func() {
			<-ctx.Done()
			_ = server.Close()
		})
	}
	return port, nil
}

// free returns a port of the loopback interface on which nothing listens: the one that is asked for, any for 0.
func free(ctx context.Context, what string, port int) (int, error) {
	l, err := listen(ctx, what, loopback, port)
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func listen(ctx context.Context, what, host string, port int) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", at(host, port))
	if err != nil {
		return nil, fmt.Errorf("%s cannot listen on %s (is another one running?): %w", what, at(host, port), err)
	}
	return l, nil
}

// forward hands every connection to a listener on to an address, until the context ends.
func forward(ctx context.Context, wg *sync.WaitGroup, l net.Listener, to string) {
	wg.Go(func() {
		<-ctx.Done()
		_ = l.Close()
	})
	wg.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { join(ctx, from, to) })
		}
	})
}

// join copies both ways until one side ends.
func join(ctx context.Context, from net.Conn, address string) {
	defer from.Close()
	to, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer to.Close()
	ended := make(chan struct{}, 2)
	pipe := func(w, r net.Conn) {
		_, err := io.Copy(w, r)
		if c, ok := w.(*net.TCPConn); ok && (err == nil || errors.Is(err, io.EOF)) {
			_ = c.CloseWrite()
		}
		ended <- struct{}{}
	}
	go pipe(to, from)
	go pipe(from, to)
	for range 2 {
		select {
		case <-ended:
		case <-ctx.Done():
			return
		}
	}
}

// Switch is a handler that can be exchanged while it is served.
type Switch struct {
	mu sync.RWMutex
	h  http.Handler
}

// Set puts another handler in place; nil answers 503.
func (s *Switch) Set(h http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.h = h
}

// ServeHTTP hands the request on.
func (s *Switch) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	h := s.h
	s.mu.RUnlock()
	if h == nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.ServeHTTP(w, r)
}
