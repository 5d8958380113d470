// A program for test_symbols: name spaces, templates, methods, inlined and not.

#include <cstddef>

namespace sample {

struct List {
    struct Node {
        Node *next;
        int value;
    };

    Node *first = nullptr;

    __attribute__((always_inline)) void add(int value)
    {
        first = new Node{first, value};
    }

    __attribute__((noinline)) void clear()
    {
        while (first) {
            Node *next = first->next;

            delete first;
            first = next;
        }
    }
};

template <class T> __attribute__((noinline)) int fill(List &list, T count)
{
    int sum = 0;

    for (T i = 0; i < count; i++) {
        list.add((int)i);
        sum += list.first->value;
    }
    return sum;
}

} // namespace sample

int main(int argc, char **)
{
    sample::List list;
    int sum = sample::fill<int>(list, argc) + sample::fill<long>(list, 10L);

    list.clear();
    return sum == 0;
}
