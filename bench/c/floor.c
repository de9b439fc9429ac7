// The floor in C: the small requests of floor.go, on epoll, read and write.
//
// Arguments: port, connections, the number of requests before the measurement, its nanoseconds, the length of a
// response, and the request. It prints a result, as task.go has it.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
	fprintf(stderr, "bench: the floor in C: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long cpu(void) {
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

static const char *request;
static size_t request_length;

static void ask(int fd) {
	if (write(fd, request, request_length) != (ssize_t)request_length)
		fail("sending a request");
}

int main(int argc, char **argv) {
	if (argc != 7) {
		errno = EINVAL;
		fail("arguments");
	}
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int connections = atoi(argv[2]);
	long long warm = atoll(argv[3]), duration = atoll(argv[4]), length = atoll(argv[5]);
	request = argv[6];
	request_length = strlen(request);

	int epoll = epoll_create1(0);
	long long *left = calloc(connections + 16, sizeof *left); // by descriptor
	for (int i = 0; i < connections; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
		if (fd < 0 || fd >= connections + 16 || connect(fd, (struct sockaddr *)&server, sizeof server) != 0)
			fail("connecting");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
			fail("epoll_ctl");
		left[fd] = length;
		ask(fd);
	}
	static char buffer[64 << 10];
	static struct epoll_event events[1024];
	long long count = 0, began_at = 0, began_cpu = 0;
	for (;;) {
		int n = epoll_wait(epoll, events, 1024, -1);
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			ssize_t got = read(fd, buffer, sizeof buffer);
			if (got <= 0)
				fail("reading a response");
			if ((left[fd] -= got) != 0)
				continue;
			left[fd] = length;
			if (++count == warm) {
				began_at = now();
				began_cpu = cpu();
			}
			if (count % 16 == 0 && count >= warm + 8 * connections && now() - began_at >= duration) {
				printf("{\"Requests\": %lld, \"CPU\": %lld, \"Wall\": %lld}\n", count - warm, cpu() - began_cpu, now() - began_at);
				return 0;
			}
			ask(fd);
		}
	}
}
