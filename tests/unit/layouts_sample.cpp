// Types of C++ for test_layouts, which reads them from the debug info of this.
namespace app {
struct base {
    virtual ~base() {}
    int *number = nullptr;
};
struct second {
    long plain = 0;
    char *text = nullptr;
};
template <typename T, int N> struct box : base, second {
    struct node {
        node *next;
        T value;
    };
    node *head = nullptr;
    T *all[N] = {};
};
namespace {
struct hidden {
    hidden *other;
};
}
}

app::box<double, 3> three;
app::box<app::second, 5> five;
app::hidden hidden_one;
app::box<double, 3>::node node_of_three;

int main()
{
    return three.head == nullptr && five.head == nullptr && hidden_one.other == nullptr &&
                   node_of_three.next == nullptr
               ? 0
               : 1;
}
