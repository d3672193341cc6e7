/*
 * postgres_proxy: stands between a driver and the server, and cuts the line at a chosen moment.
 *
 * It reads what goes by in the clear, so the driver under test sends its statements as texts
 * (prepared=off).
 */
#ifndef CONTRACT_POSTGRES_PROXY_H
#define CONTRACT_POSTGRES_PROXY_H

enum proxy_fault {
    PROXY_NONE,
    PROXY_CUT_COMMIT, /* once: the next COMMIT does not reach the server */
    PROXY_CUT_ANSWER, /* once: it does, and its answer does not come back */
    PROXY_REFUSE,     /* the server is gone, for connections that are there and for new ones */
    PROXY_FULL,       /* connections that are there stay; the server has room for no other */
};

/* Starts it in front of the server of `url`; returns the address to give the driver. */
const char *proxy_start(const char *url);
void proxy_set(enum proxy_fault wanted);
/* True once the fault, one that happens once, has happened. */
int proxy_has_cut(void);
void proxy_stop(void);

#endif
